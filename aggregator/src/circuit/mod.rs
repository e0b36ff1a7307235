//! The aggregation circuit.
//!
//! | file | what |
//! | --- | --- |
//! | [`builder`] | four halo2-base columns with the Poseidon and range chips below them |
//! | [`params`] | shape: rows, chosen from what the circuit needs |
//! | [`shape`] | a proof without meaning, for key generation |
//! | [`aggregation`] | the verifier as a circuit, and its instances |

pub mod aggregation;
pub mod builder;
mod join;
pub mod params;
pub mod shape;

#[cfg(test)]
pub(crate) mod tests;

pub use aggregation::{AggregationCircuit, Pinning};
pub use builder::Builder;
pub use params::{ADVICE_COLUMNS, CircuitParams, Demand};
