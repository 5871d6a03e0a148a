import { expect, test } from 'vitest';
import { readmeExample, stripTypes } from '../src/readmeExample.js';

test('the example is the first ts block, whatever stands before it', () => {
  const readme = '# A\n```sh\nnpm i\n```\n\n```ts\nconst a = 1;\nconsole.log(a);\n```\n```ts\nconst b = 2;\n```\n';
  expect(readmeExample(readme)).toBe('const a = 1;\nconsole.log(a);\n');
  expect(readmeExample('```tsx\nno\n```\n```js\nno\n```\n')).toBeUndefined();
});

test('types go, imports of values stay', () => {
  const source = "import { a, type B } from 'x';\nconst c: B = a!;\nawait c.d;\n";
  expect(stripTypes(source)).toBe("import { a } from 'x';\nconst c = a;\nawait c.d;\n");
});
