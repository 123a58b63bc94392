// Properties (fast-check) are tried on the same cases at each run: a test that fails now and then tells nobody what
// changed. FC_SEED draws others.

import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) })

export default fc
