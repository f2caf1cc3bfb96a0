import { testSeeds } from './seeds.testing.ts'

testSeeds(1, 130)
