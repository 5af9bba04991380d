/**
 * Lets a process run the TypeScript sources of all packages without a build: `node --conditions=@freshet/source
 * --import=…/from-source.mjs src/main.ts`. Types are stripped as jest does it, by swc.
 */
import { register } from 'node:module'

register(new URL('./from-source-hooks.mjs', import.meta.url))
