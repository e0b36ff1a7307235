//! The aggregation circuit.
//!
//! | file | what |
//! | --- | --- |
//! | [`builder`] | halo2-base columns with the Poseidon chip below them |
//! | [`params`] | shape: rows and columns, chosen from what the circuit needs |
//! | [`shape`] | a proof without meaning, for key generation |
//! | [`aggregation`] | the verifier as a circuit, and its instances |

pub mod aggregation;
pub mod builder;
pub mod params;
pub mod shape;

#[cfg(test)]
mod tests;

pub use aggregation::{AggregationCircuit, Pinning};
pub use builder::Builder;
pub use params::{CircuitParams, Demand};
