import { serveMuse } from '@muse/muse/worker';

serveMuse();
