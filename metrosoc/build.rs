//! Tells cargo what is embedded, so that a new page, rule or playbook makes a new binary.

fn main() {
    for folder in ["../dashboards/dist", "../rules/sigma", "../rules/playbooks"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
