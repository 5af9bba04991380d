/** One run of jest for the whole repository: TypeScript is read from each package's `src`, no build is needed. */
export default {
  rootDir: import.meta.dirname,
  roots: [
    '<rootDir>/packages',
    '<rootDir>/apps',
    '<rootDir>/examples',
    '<rootDir>/benches',
    '<rootDir>/infra',
    '<rootDir>/scripts',
  ],
  testMatch: ['**/test/**/*.test.ts'],
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@freshet/source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  modulePathIgnorePatterns: ['/dist/'],
  // It ends a test that hangs and measures nothing: a busy machine takes six times as long for the longest of them.
  testTimeout: 300_000,
  // A promise that nobody awaits and that fails, fails the test it belongs to; without this it kills the whole worker.
  waitForUnhandledRejections: true,
  // One more than the processors of the smallest machine: a third of the time of the longest files is waiting.
  maxWorkers: 3,
  // The servers that test files share.
  globalSetup: '<rootDir>/scripts/jest-setup.js',
  globalTeardown: '<rootDir>/scripts/jest-teardown.js',
  testSequencer: '<rootDir>/scripts/jest-sequencer.js',
  // Modules of finished files are never freed, and a heap full of them makes all that follows slow: a third of the run.
  workerIdleMemoryLimit: '600MB',
  reporters: ['default', '<rootDir>/scripts/jest-closing-line.js'],
}
