export { type StaticServer, serve } from '@muse/test-utils/browser';
