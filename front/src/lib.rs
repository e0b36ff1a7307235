//! Laminate's front end: from a model file and calibration data to a program and its weights.
//!
//! | module | what |
//! | --- | --- |
//! | [`onnx`] | ONNX files to float graphs |
//! | [`graph`], [`ops`] | the float graph, its ops and its interpreter |
//! | [`passes`] | changes of its weights that keep what it computes |
//! | [`llama`] | Llama models and tokenizers, a float reference run |
//! | [`predict`] | what a program gives: margins, the response, a class, a decision by a threshold |
//! | [`rows`] | rows of numbers from CSV and JSON |
//! | [`trees`] | tree models of XGBoost, LightGBM, CatBoost and ONNX-ML, lowered to the forest machine |
//! | [`quant`] | calibration: float model to program and weights; integer against float |

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod graph;
pub mod llama;
pub mod onnx;
pub mod ops;
pub mod passes;
pub mod predict;
pub mod quant;
mod row_length;
pub mod rows;
pub mod trees;
