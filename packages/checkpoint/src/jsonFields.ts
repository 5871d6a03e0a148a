import { ConfigError } from '@muse/backend';
import { isObject, kind } from './safetensorsHeader.js';

/** The fields of a JSON object with their path, for messages. */
export class JsonFields {
  private readonly fields: Record<string, unknown>;

  constructor(
    private readonly file: string,
    private readonly path: string,
    json: unknown,
    /** Function that an error names. */
    private readonly where: string,
  ) {
    if (!isObject(json)) throw this.problem('', 'to be an object', kind(json));
    this.fields = json;
  }

  keys(): string[] {
    return Object.keys(this.fields);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.fields, key);
  }

  value(key: string): unknown {
    return this.has(key) ? this.fields[key] : undefined;
  }

  object(key: string): JsonFields {
    return new JsonFields(this.file, this.pathOf(key), this.value(key), this.where);
  }

  text(key: string): string {
    const value = this.value(key);
    if (typeof value !== 'string' || value === '') throw this.problem(key, 'to be a non-empty string', show(value));
    return value;
  }

  /** Finite and not negative: all of the format's are. */
  number(key: string): number {
    const value = this.value(key);
    if (typeof value !== 'number' || value < 0) throw this.problem(key, 'to be a number of at least 0', show(value));
    return value;
  }

  integer(key: string, least: number): number {
    const value = this.value(key);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least) {
      throw this.problem(key, `to be an integer of at least ${least}`, show(value));
    }
    return value;
  }

  pair(key: string, read: (fields: JsonFields, key: string) => number): [number, number] {
    const value = this.value(key);
    if (!Array.isArray(value) || value.length !== 2) throw this.problem(key, 'to be an array of two', show(value));
    const items = new JsonFields(this.file, this.pathOf(key), { ...value }, this.where);
    return [read(items, '0'), read(items, '1')];
  }

  oneOf(key: string, choices: readonly string[]): string {
    const value = this.value(key);
    if (typeof value === 'string' && choices.includes(value)) return value;
    throw this.problem(key, `to be one of ${choices.join(', ')}`, show(value));
  }

  list(key: string): readonly unknown[] {
    const value = this.value(key);
    if (!Array.isArray(value) || value.length === 0) throw this.problem(key, 'to be a list', show(value));
    return value;
  }

  equals(key: string, expected: string | number): void {
    const value = this.value(key);
    if (value !== expected) throw this.problem(key, `to be ${JSON.stringify(expected)}`, show(value));
  }

  problem(key: string, expected: string, got: string): ConfigError {
    const path = key === '' ? this.path || 'the file' : this.pathOf(key);
    return new ConfigError(
      { package: 'checkpoint', in: this.where },
      `${this.file}: expected ${path} ${expected}, got ${got}`,
    );
  }

  private pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }
}

function show(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}
