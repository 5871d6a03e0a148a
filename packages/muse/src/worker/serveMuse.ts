import { CallPort } from './callPort.js';
import { MuseHost } from './museHost.js';
import type { CallMessage, Port, WorkerScope } from './protocol.js';

/**
 * Makes this worker one that pages drive by `connectMuse`. Calls run one after another, in the order in which they came;
 * a call that was aborted before its turn does nothing.
 *
 * @param scope the worker's global scope
 */
export function serveMuse(scope: WorkerScope = globalThis as unknown as WorkerScope): void {
  const host = new MuseHost();
  let last: Promise<void> = Promise.resolve();
  const onMessage = ({ data, ports }: { readonly data: unknown; readonly ports: readonly Port[] }) => {
    const message = data as Partial<CallMessage> | undefined;
    if (message?.muse !== 'call') return;
    const { method, options, hears } = message as CallMessage;
    const port = new CallPort(ports[0]!, hears);
    last = last.then(() =>
      port.finish(async () => {
        port.signal.throwIfAborted();
        return host.call(method, options, port);
      }),
    );
  };
  scope.addEventListener('message', onMessage as (event: never) => void);
}
