import { at, listAt, manifest } from './manifests.ts'

/** The environment of a Deployment's process; values from ConfigMaps are in `given`, by key. */
export function environmentOf(
  name: string,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const variables = listAt(manifest('Deployment', name).spec, 'template', 'spec', 'containers', 0, 'env')
  return Object.fromEntries(
    variables.map((variable) => {
      const key = at(variable, 'valueFrom', 'configMapKeyRef', 'key')
      const value = typeof key === 'string' ? given[key] : at(variable, 'value')
      if (typeof value !== 'string') throw new Error(`expected a string in ${JSON.stringify(variable)}`)
      return [String(at(variable, 'name')), value]
    }),
  )
}
