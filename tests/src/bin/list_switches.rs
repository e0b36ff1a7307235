//! Prints the switches of the verifier's checks, each with its file: what `scripts/mutate_verifier.sh` turns off.

fn main() {
    for switch in laminate_tests::switches::all() {
        println!("{}\t{}", switch.file, switch.name);
    }
}
