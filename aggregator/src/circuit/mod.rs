//! The aggregation circuit.

pub mod builder;
pub mod params;

pub use builder::Builder;
pub use params::CircuitParams;
