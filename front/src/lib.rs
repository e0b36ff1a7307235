//! Laminate's front end: from a model file and calibration data to a program and its weights.
//!
//! | module | what |
//! | --- | --- |
//! | [`onnx`] | ONNX files to float graphs |
//! | [`graph`] | the float graph and its executor |
//! | [`llama`] | Llama models and tokenizers, a float reference run |
//! | [`quant`] | calibration: float model to program and weights; rows of numbers; integer against float |

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod graph;
pub mod llama;
pub mod onnx;
pub mod quant;
