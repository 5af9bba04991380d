export { postgresCodec } from './codec.ts'
