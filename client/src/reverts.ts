export const REVERTS: readonly ({
  readonly selector: string;
  readonly name: string;
  readonly inputs: readonly (readonly [string, string])[];
  readonly sentences: readonly string[];
} & ({ readonly cases: string } | object))[] = [];
