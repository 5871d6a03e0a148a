/** What a download reports. `fetch` counts bytes off the network; the statuses of reading a model are its reader's. */
export type HubProgress =
  | {
      readonly status: 'fetch';
      /** Where the file is from: a model of the hub, a URL. */
      readonly name: string;
      readonly file: string;
      /** Bytes that are there, of earlier attempts too, of `total`. */
      readonly loaded: number;
      readonly total: number;
      /** In percent. */
      readonly progress: number;
    }
  | {
      /** A request is tried again after `delayMs`. */
      readonly status: 'retry';
      readonly name: string;
      readonly reason: string;
      readonly delayMs: number;
    }
  | {
      /** The network does not answer, and what is cached is used. */
      readonly status: 'offline';
      readonly name: string;
      readonly reason: string;
    };
