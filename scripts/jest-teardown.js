export { close as default } from '../packages/testkit/hooks/shared-servers.mjs'
