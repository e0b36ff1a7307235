//! Readers of tree models and the integer machine against what the libraries predict.

mod compare;
mod fraud;
mod hostile;
mod libraries;
mod programs;
mod random;
mod refused;
mod shared;
mod small;
mod thresholds;
