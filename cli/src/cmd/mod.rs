//! One file a subcommand.

pub mod audit;
pub mod bench;
pub mod card;
pub mod check;
pub mod commit;
pub mod compile;
pub mod context;
pub mod credential;
pub mod demo;
pub mod deploy;
pub mod generate;
pub mod input;
pub mod inspect;
pub mod join;
pub mod prove;
pub mod prove_weights;
pub mod register;
pub mod serve;
pub mod setup;
pub mod srs;
pub mod submit;
pub mod verifier;
pub mod verify;
