//! Arithmetic kernels. Each optimised kernel stands beside the reference it is tested against.

pub mod fft;
pub mod msm;
