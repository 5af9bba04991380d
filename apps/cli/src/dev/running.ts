import { readStateFile } from '../state-folder.ts'
import type { Doors } from './child.ts'

/** Says what runs now, for the other commands; gone when it has ended. */
export const runningFile = 'running.json'

/** What a run of `freshet dev` offers; kept for the other commands in `.freshet/running.json`, mode 600. */
export interface RunningDev {
  readonly writer: Doors
  readonly readers: readonly Doors[]
  /** Address with a development-only user that may do everything. */
  readonly mongodb: string
  /** Address with the user that may only read. */
  readonly auditor: string
  readonly database: string
  /** Folder of the collection files. */
  readonly collections: string
  readonly token: string
  /** The secret that the services check tokens with. */
  readonly tokenSecretFile: string
}

/** The run of `freshet dev` in the current folder, or nothing when none is there. */
export function readRunning(world: { readonly cwd: string }): RunningDev | undefined {
  const kept = readStateFile(world, runningFile)
  // Written by this same program, in a folder that only its owner can enter.
  return kept === undefined ? undefined : (JSON.parse(kept) as RunningDev)
}
