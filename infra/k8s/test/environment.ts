import { at, listAt, manifest } from './manifests.ts'

/** What the process of a Deployment finds in its environment; values of ConfigMaps come from `given`, by their keys. */
export function environmentOf(
  name: string,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const variables = listAt(manifest('Deployment', name).spec, 'template', 'spec', 'containers', 0, 'env')
  return Object.fromEntries(
    variables.map((variable) => {
      const key = at(variable, 'valueFrom', 'configMapKeyRef', 'key')
      const value = typeof key === 'string' ? given[key] : at(variable, 'value')
      if (typeof value !== 'string') throw new Error(`expected a text in ${JSON.stringify(variable)}`)
      return [String(at(variable, 'name')), value]
    }),
  )
}
