/**
 * Runs the TypeScript sources of all packages without a build: `node --conditions=@freshet/source
 * --import=…/from-source.mjs src/main.ts`. Types are stripped by swc, as in Jest.
 */
import { register } from 'node:module'

register(new URL('./from-source-hooks.mjs', import.meta.url))
