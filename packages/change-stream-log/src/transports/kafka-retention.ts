import { ConfigResourceTypes, type Admin } from '@platformatic/kafka'
import type { LogIdentity } from '../transport.ts'

/** With these settings, no record is deleted by age or size. */
export const retentionSettings = 'Set retention.ms=-1 and retention.bytes=-1, or cleanup.policy=compact'

/** All that is used of the client, which could also change topics. */
export type TopicSettings = Pick<Admin, 'describeConfigs' | 'close'>

const names = ['cleanup.policy', 'retention.ms', 'retention.bytes'] as const

/** Whether the settings of a topic let records be deleted. @throws {Error} the broker does not answer. */
export async function retentionFault(
  settings: TopicSettings,
  topic: string,
): Promise<Pick<LogIdentity, 'fault' | 'remedy'>> {
  const [described] = await settings.describeConfigs({
    resources: [
      { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: [...names] },
    ],
  })
  const configs = described?.configs
  const values = names.map((name) => [name, configs?.find((one) => one.name === name)?.value ?? 'unknown'])
  const [[, policy] = [], ...limits] = values
  if (policy === 'compact') return {}
  const limited = limits.filter(([, value]) => value !== '-1')
  if (policy !== 'delete') limited.unshift(['cleanup.policy', policy ?? 'unknown'])
  if (limited.length === 0) return {}
  const fault = `but records of ${topic} are deleted: ${limited.map((pair) => pair.join('=')).join(', ')}`
  return { fault, remedy: `${retentionSettings}.` }
}

/** What to say if the user of the log may not read the settings. */
export const forbiddenRetention: Pick<LogIdentity, 'unseen' | 'remedy'> = {
  unseen: 'could not see the settings of the topic: records may be deleted by age or size',
  remedy: 'Allow the user DESCRIBE_CONFIGS on the topic.',
}
