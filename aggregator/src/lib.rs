pub mod chips;
pub mod circuit;
pub mod error;

pub mod srs;
