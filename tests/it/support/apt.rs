//! apt as a judge: one that knows nothing of this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::judge;

/// An apt with its own sources and an empty system.
pub struct Apt {
    directory: PathBuf,
}

impl Apt {
    /// One that takes packages from `sources` (sources.list(5)); `None` where apt is not installed.
    pub fn new(directory: &Path, sources: &str) -> Option<Self> {
        judge("apt-get")?;
        for name in ["lists/partial", "cache/archives/partial", "parts"] {
            std::fs::create_dir_all(directory.join(name)).expect("a directory");
        }
        let root = directory.display();
        let configuration = format!(
            "Dir \"{root}\"; Dir::Etc \"{root}\"; Dir::Etc::main \"none\";\n\
             Dir::Etc::parts \"parts\"; Dir::Etc::sourcelist \"sources.list\";\n\
             Dir::Etc::sourceparts \"parts\"; Dir::Etc::preferences \"none\";\n\
             Dir::Etc::preferencesparts \"parts\"; Dir::Etc::trusted \"none\";\n\
             Dir::Etc::trustedparts \"parts\"; Dir::State \"{root}\"; Dir::State::lists \"lists\";\n\
             Dir::State::status \"{root}/status\"; Dir::Cache \"{root}/cache\";\n\
             Dir::Cache::pkgcache \"\"; APT::Architecture \"amd64\";\n\
             APT::Architectures {{ \"amd64\"; }}; APT::Sandbox::User \"\";\n\
             Acquire::Languages \"none\";\n"
        );
        for (name, text) in [
            ("sources.list", sources),
            ("status", ""),
            ("apt.conf", &configuration),
        ] {
            std::fs::write(directory.join(name), text).expect("a file");
        }
        Some(Self {
            directory: directory.to_owned(),
        })
    }

    /// `apt-get update`: whether it is content, and what it says.
    pub fn update(&self) -> (bool, String) {
        let output = self.run(&["update"]);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    }

    /// What `apt-get install` would install: `NAME VERSION`, sorted.
    pub fn install(&self, package: &str) -> Result<Vec<String>, String> {
        let output = self.run(&["-s", "-qq", "install", package]);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut installed: Vec<String> = text
            .lines()
            .filter_map(|line| {
                let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
                Some(format!("{name} {}", rest.split(' ').next()?))
            })
            .collect();
        installed.sort();
        Ok(installed)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("apt-get")
            .args(arguments)
            .env("APT_CONFIG", self.directory.join("apt.conf"))
            .env("LC_ALL", "C")
            .output()
            .expect("apt-get runs")
    }
}
