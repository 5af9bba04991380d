import { eventually } from '@freshet/testkit'
import { expect } from '@jest/globals'
import type { RunningService } from '@freshet/service'
import { bearer } from './open-reader.ts'

/** A message in an answer. */
export interface Shown {
  readonly id: string
  readonly seq: number
  readonly type: string
  readonly body?: unknown
}

/** A conversation in an answer. */
export interface ListedConversation {
  readonly conv: string
  readonly lastSeq: number
  readonly read: number
  readonly unread: number
  readonly [field: string]: unknown
}

/** The JSON of an answer; which fields it has depends on the path. */
export interface TalkAnswer {
  readonly messages: readonly Shown[]
  readonly more: boolean
  readonly conversations: readonly ListedConversation[]
  readonly next?: string
  readonly detail?: string
}

/** Somebody who asks a reader for messages. */
export type Ask = (path: string, headers?: Record<string, string>, method?: string) => Promise<Response>

/** Asks with the token of a user. @param groups the claim `groups`. */
export async function asking(reader: RunningService, user: string, groups?: readonly string[]): Promise<Ask> {
  const authorization = await bearer(user, groups)
  return (path, headers = {}, method = 'GET') =>
    fetch(`${reader.url}/v1${path}`, { method, headers: { authorization, ...headers } })
}

/** At least as recent as the request. */
export const now = { 'freshet-at-least': 'now', prefer: 'wait=10' }

/** The JSON of a 200. */
export async function jsonOf(answer: Promise<Response>): Promise<TalkAnswer> {
  const response = await answer
  const text = await response.text()
  if (response.status !== 200) throw new Error(`expected 200, got ${response.status}: ${text}`)
  return JSON.parse(text) as TalkAnswer
}

export async function untilServing(ask: Ask): Promise<void> {
  await eventually(async () => expect((await ask('/conversations')).status).toBe(200))
}

export const seqsOf = ({ messages }: TalkAnswer): readonly number[] => messages.map(({ seq }) => seq)
