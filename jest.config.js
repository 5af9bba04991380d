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
  // Minutes of CPU time: `npm run test:debezium`, `npm run test:debezium-server` and `npm run test:postgres-faults`.
  testPathIgnorePatterns: ['/node_modules/', '\\.(?:debezium|debezium-server|faults)\\.test\\.ts$'],
  testEnvironment: '<rootDir>/scripts/jest-environment.js',
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
  // Only ends tests that hang; it is no timing assertion: a busy machine takes six times as long for the longest tests.
  testTimeout: 300_000,
  // An unhandled rejection fails its test; without this it would kill the whole worker.
  waitForUnhandledRejections: true,
  // One more than the smallest machine has CPUs: the longest files spend a third of their time waiting.
  maxWorkers: 3,
  // Starts and stops the servers shared by test files.
  globalSetup: '<rootDir>/scripts/jest-setup.js',
  globalTeardown: '<rootDir>/scripts/jest-teardown.js',
  testSequencer: '<rootDir>/scripts/jest-sequencer.js',
  // What a file leaves behind must not slow down all later files.
  workerIdleMemoryLimit: '600MB',
  reporters: ['default', '<rootDir>/scripts/jest-closing-line.js'],
}
