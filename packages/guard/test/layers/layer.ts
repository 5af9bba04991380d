/** Tries one layer behind these walls: the number of attacks that come through. */
export type Trial<Walls> = (walls: Walls) => Promise<number>

/**
 * Layers over a set of walls. Each is tried without the help of the others: it is given its own walls and sees no more,
 * so it is tried once for each of them, whatever stands or is gone beside.
 */
export const layerOver =
  <Walls>() =>
  <K extends keyof Walls>(
    standsOn: readonly K[],
    trial: (walls: Pick<Walls, K>) => Promise<number>,
  ): Trial<Walls> => {
    const trials: { readonly own: readonly unknown[]; readonly through: Promise<number> }[] = []
    return (walls) => {
      const own = standsOn.map((name) => walls[name])
      const before = trials.find((each) => each.own.every((wall, place) => wall === own[place]))
      if (before) return before.through
      const through = trial(walls)
      trials.push({ own, through })
      return through
    }
  }

/** The layers whose own tests fail behind these walls. */
export async function failing<Walls>(
  layers: Readonly<Record<string, Trial<Walls>>>,
  walls: Walls,
): Promise<readonly string[]> {
  const names: string[] = []
  for (const [name, through] of Object.entries(layers)) if ((await through(walls)) > 0) names.push(name)
  return names
}
