/** The version of hub, agent and CLI: they are released together. A test keeps it equal to package.json. */
export const version = '0.1.0'
