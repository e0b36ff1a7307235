//! Chips of the aggregation circuit that halo2-base does not have.

pub mod poseidon;
pub mod range;
