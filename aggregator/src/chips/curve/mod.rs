//! BN254 G1 in a circuit over its scalar field.

pub mod library;
