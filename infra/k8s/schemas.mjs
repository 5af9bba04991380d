/**
 * `schemas.mjs SWAGGER FOLDER`: strict JSON schemas for kubeconform from the description of the Kubernetes API, one for each kind that
 * the manifests use. Unknown fields are errors.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [swagger, folder] = process.argv.slice(2)
const kinds = new Set(
  'ConfigMap CronJob Deployment HorizontalPodAutoscaler Ingress Job Namespace NetworkPolicy Pod PodDisruptionBudget Secret Service ServiceAccount StatefulSet'.split(
    ' ',
  ),
)
const { definitions } = JSON.parse(readFileSync(swagger, 'utf8'))
for (const [name, definition] of Object.entries(definitions)) {
  if (definition.properties && !definition.additionalProperties) definition.additionalProperties = false
  if (definition.format === 'int-or-string') definitions[name] = { type: ['string', 'integer'] }
  if (name.endsWith('api.resource.Quantity')) definitions[name] = { type: ['string', 'number'] }
}
const part = `${folder}.part`
mkdirSync(part, { recursive: true })
for (const [name, definition] of Object.entries(definitions))
  for (const { group, kind, version } of definition['x-kubernetes-group-version-kind'] ?? []) {
    if (!kinds.has(kind)) continue
    const needed = {}
    const open = [name]
    for (let each = open.pop(); each !== undefined; each = open.pop()) {
      if (each in needed) continue
      needed[each] = definitions[each]
      for (const [, next] of JSON.stringify(definitions[each]).matchAll(/"#\/definitions\/([^"]+)"/g))
        open.push(next)
    }
    const file = `${kind}${group ? `-${group.split('.')[0]}` : ''}-${version}.json`.toLowerCase()
    writeFileSync(join(part, file), JSON.stringify({ $ref: `#/definitions/${name}`, definitions: needed }))
  }
// Complete or absent.
renameSync(part, folder)
