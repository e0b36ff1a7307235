pub mod backend;
pub mod chips;
pub mod circuit;
pub mod error;

pub mod evm;
pub mod join;
pub mod keys;
pub mod prove;
pub mod report;
pub mod snark;
pub mod srs;

#[cfg(test)]
mod testing;
