//! Arithmetic kernels. Each optimised kernel stands beside the reference it is tested against.

pub mod bench;
pub mod blend;
pub mod dot;
pub mod invert;
#[cfg(target_arch = "x86_64")]
mod lanes;
pub mod logup;
pub mod msm;
pub mod pass;
pub mod ternary;
mod words;
