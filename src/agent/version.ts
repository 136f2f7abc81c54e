/** Equal to package.json's, which a test keeps true. */
export const agentVersion = '0.1.0'

/** What the Node object shows: the Kubernetes API that pods are run by, and our own version. */
export const kubeletVersion = `v1.36.0+dunlin-${agentVersion}`
