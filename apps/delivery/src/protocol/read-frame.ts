import type { Command } from './command.ts'
import { ProtocolFault } from './fault.ts'
import { readCommand } from './read-command.ts'

/** Limits of one client frame. */
export interface FrameLimits {
  readonly bytes: number
  readonly commands: number
  /** How deep objects and arrays may be nested. */
  readonly depth: number
}

/** The limits of the protocol. */
export const FRAME_LIMITS: FrameLimits = { bytes: 64 * 2 ** 10, commands: 128, depth: 32 }

/**
 * The commands of one frame: JSON objects separated by newlines. Empty lines carry nothing.
 * @throws {ProtocolFault} it is larger, deeper or longer than it may be, or not of the protocol.
 */
export function readFrame(text: string, limits: FrameLimits = FRAME_LIMITS): readonly Command[] {
  if (Buffer.byteLength(text) > limits.bytes)
    throw new ProtocolFault(`expected a frame of at most ${limits.bytes} bytes`)
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length === 0) throw new ProtocolFault('expected at least one command in the frame')
  if (lines.length > limits.commands)
    throw new ProtocolFault(`expected at most ${limits.commands} commands in a frame`)
  return lines.map((line) => readCommand(parsed(line, limits.depth)))
}

function parsed(line: string, maxDepth: number): unknown {
  if (depthOf(line) > maxDepth) throw new ProtocolFault(`expected JSON nested at most ${maxDepth} deep`)
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new ProtocolFault('expected JSON', { cause })
  }
}

/** The greatest depth of brackets outside of strings. Text that is not JSON is refused by the parser. */
export function depthOf(json: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let index = 0; index < json.length; index++) {
    const character = json[index]
    if (character === '"') inString = !inString
    else if (inString) index += character === '\\' ? 1 : 0
    else if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth)
    else if (character === '}' || character === ']') depth -= 1
  }
  return deepest
}
