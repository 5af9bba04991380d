/**
 * Jest's environment for Node.js, with an ordinary global object. The one that Jest creates is a proxy behind an interceptor
 * of `node:vm`, so each access to `Map`, `Buffer` or `process` is a slow call: 6 to 16 % of the CPU time of the files measured.
 */
import asyncHooks from 'node:async_hooks'
import perfHooks from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import vm, { constants, createContext } from 'node:vm'
import { TestEnvironment } from 'jest-environment-node'

/** Set below, or different in each context. */
const own = new Set(['global', 'globalThis', 'GLOBAL', 'root', 'process'])

/** Reads a global at first use: some load much when they are read, and some print a warning. */
function defineLazily(global, name, { enumerable }) {
  const set = (value) => {
    Object.defineProperty(global, name, { configurable: true, enumerable, value, writable: true })
    return value
  }
  Object.defineProperty(global, name, {
    configurable: true,
    enumerable,
    get: () => set(globalThis[name]),
    set,
  })
}

/**
 * What Jest needs of `AsyncLocalStorage`: to which test an unhandled error belongs, here to the one started last. The real one
 * makes every promise slower on Node.js before 24, and more so with each file: after 30 of them, a file took twice as long.
 */
class LastStarted {
  #running = []

  getStore() {
    return this.#running.at(-1)
  }

  async run(store, callback) {
    this.#running.push(store)
    try {
      return await callback()
    } finally {
      this.#running.splice(this.#running.indexOf(store), 1)
    }
  }
}

const { AsyncLocalStorage } = asyncHooks

// V8's cache of compiled scripts keeps the modules of all finished files reachable, and never has a hit: each file compiles
// its modules under an identity of their own.
setFlagsFromString('--no-compilation-cache')

/** Modules of the running file. */
const modules = new Set()
vm.SourceTextModule = class extends vm.SourceTextModule {
  constructor(...args) {
    super(...args)
    modules.add(this)
  }
}

/** What the running file observes and never ends: prom-client observes each garbage collection. */
const observers = new Set()
perfHooks.PerformanceObserver = class extends perfHooks.PerformanceObserver {
  observe(...args) {
    super.observe(...args)
    observers.add(this)
  }
}

/**
 * Makes the modules of a finished file collectable. Node.js 20 keeps a strong reference to each dependency until a module is
 * instantiated through its own wrapper, which it does only for the module that was linked first.
 */
function forgetModules() {
  for (const module of modules) {
    const wrapper = Object.getOwnPropertySymbols(module).find(({ description }) => description === 'kWrap')
    if (module.status === 'evaluated') module[wrapper]?.instantiate?.()
  }
  modules.clear()
  for (const observer of observers) observer.disconnect()
  observers.clear()
}

export default class PlainEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context)
    // Jest's copy of `process`, and what it reads under symbols.
    const jestGlobals = Object.getOwnPropertyDescriptors(this.global)
    const global = createContext(constants.DONT_CONTEXTIFY)
    const known = new Set(Object.getOwnPropertyNames(global))
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(globalThis)))
      if (!known.has(name) && !own.has(name)) defineLazily(global, name, descriptor)
    for (const key of Reflect.ownKeys(jestGlobals))
      if (typeof key === 'symbol' && !Object.hasOwn(global, key))
        Object.defineProperty(global, key, jestGlobals[key])
    Object.assign(global, {
      global,
      process: this.global.process,
      // As in Jest's own: Node.js returns instances of these.
      Buffer,
      ArrayBuffer,
      Uint8Array,
    })
    global.Symbol.asyncDispose ??= Symbol.asyncDispose
    global.Symbol.dispose ??= Symbol.dispose
    // Enough to reach the test. Jest has 100, which makes errors that are part of normal work slow.
    global.Error.stackTraceLimit = 30
    this.context = global
    this.global = global
    const { projectConfig } = config
    this.moduleMocker = new this.moduleMocker.constructor(global)
    this.fakeTimersModern = new this.fakeTimersModern.constructor({ config: projectConfig, global })
  }

  /** Jest's own modules are loaded between this and the first event. */
  async setup() {
    await super.setup()
    asyncHooks.AsyncLocalStorage = LastStarted
  }

  async teardown() {
    forgetModules()
    await super.teardown()
  }

  handleTestEvent({ name }) {
    if (name === 'setup') asyncHooks.AsyncLocalStorage = AsyncLocalStorage
  }
}
