import type { Clock } from '@freshet/kit'
import type { LogTransport } from '../transport.ts'
import { KafkaTransport } from './kafka.ts'
import { NatsTransport } from './nats.ts'

type Mechanism = (typeof mechanisms)[number]
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

/** Where a log is. */
export interface LogAddress {
  readonly kind: 'kafka' | 'nats'
  readonly tls: boolean
  /** `host:port` */
  readonly hosts: readonly string[]
  /** The topic, or the stream. */
  readonly log: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly mechanism: Mechanism
}

const form = /^(kafka|nats)(\+tls)?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^@/?]+)\/([^/?]+)(?:\?sasl=([^&]+))?$/

/**
 * Parses `kafka://user:password@host:9092,host:9092/topic?sasl=SCRAM-SHA-512`, or `nats://user:password@host:4222/stream`;
 * `+tls` behind the kind for TLS. `undefined` if invalid.
 */
export function parseLogAddress(text: string): LogAddress | undefined {
  const [, kind, tls, user, password, hosts = '', log = '', sasl = 'PLAIN'] = form.exec(text) ?? []
  const mechanism = mechanisms.find((one) => one === sasl.toUpperCase())
  if ((kind !== 'kafka' && kind !== 'nats') || mechanism === undefined) return undefined
  const list = hosts.split(',')
  if (!list.every((host) => /^[^:]+:\d{1,5}$|^\[[\da-f:.]+\]:\d{1,5}$/i.test(host))) return undefined
  try {
    return {
      kind,
      tls: tls !== undefined,
      hosts: list,
      log: decodeURIComponent(log),
      user: user === undefined ? undefined : decodeURIComponent(user),
      password: password === undefined ? undefined : decodeURIComponent(password),
      mechanism,
    }
  } catch {
    return undefined
  }
}

/** Opens nothing yet: connections are made when they are needed. */
export function openLog(address: LogAddress, clock: Clock): LogTransport {
  return address.kind === 'kafka' ? new KafkaTransport(address, clock) : new NatsTransport(address, clock)
}
