#[path = "../src/chain/mod.rs"]
mod chain;
#[path = "../src/files.rs"]
mod files;
#[path = "../src/output.rs"]
mod output;
mod cmd {
    #[path = "/work/main/cli/src/cmd/deploy.rs"]
    mod deploy;
    #[path = "/work/main/cli/src/cmd/register.rs"]
    mod register;
    #[path = "/work/main/cli/src/cmd/submit.rs"]
    mod submit;
    #[path = "/work/main/cli/src/cmd/check.rs"]
    mod check;
}
