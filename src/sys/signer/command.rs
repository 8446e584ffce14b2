//! A program that signs: the message on its standard input, the signature on its standard output.

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};

use crate::key::{PublicKey, Signature, Signer, SignerError};
use crate::sys::clock::Stopwatch;
use crate::sys::process;

/// A key that a program signs with. It has this process's environment but for passphrases, and its standard error is the
/// user's: it may have to say "touch the token".
#[derive(Debug)]
pub struct CommandSigner {
    program: Program,
    key: PublicKey,
}

/// A program that answers a message with a few bytes; it is run as that of a [`CommandSigner`] is.
#[derive(Debug)]
pub struct Program {
    path: String,
    arguments: Vec<String>,
    time: Duration,
    most: usize,
}

/// How long a program may take: a person may have to confirm, a key service may be slow.
const TIME_MAX: Duration = Duration::from_mins(2);
/// Most bytes that it may answer: a signature has 64, in base64 88.
const OUTPUT_MAX: usize = 256;
/// How often it is asked whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

impl CommandSigner {
    /// A program with its arguments, and the public half of the key that it signs with.
    pub fn new(program: String, arguments: Vec<String>, key: PublicKey) -> Self {
        Self {
            program: Program::new(program, arguments, OUTPUT_MAX),
            key,
        }
    }
}

impl Program {
    /// A program with its arguments, whose answer has at most `most` bytes.
    pub fn new(path: String, arguments: Vec<String>, most: usize) -> Self {
        Self {
            path,
            arguments,
            time: TIME_MAX,
            most,
        }
    }

    /// What it answers to `message`.
    ///
    /// # Errors
    /// It fails, answers nothing in time, or too much: says so, after its name.
    pub fn ask(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        self.run(message)
            .map_err(|why| format!("{}: {why}", self.path))
    }

    fn run(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let watch = Stopwatch::start();
        let mut child = process::inheriting(&self.path)
            .args(&self.arguments)
            // Passphrases are for karat.
            .env_remove("KARAT_KEY_PASSPHRASE")
            .env_remove("KARAT_ROOT_PASSPHRASE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("it cannot be started: {error}"))?;
        let answer = self.talk(&mut child, message, watch);
        let ended = answer.and_then(|bytes| self.end(&mut child, watch).map(|()| bytes));
        if ended.is_err() {
            // It may have ended by itself just now; either way nothing of it is left.
            drop(child.kill());
            drop(child.wait());
        }
        ended
    }

    fn talk(&self, child: &mut Child, message: &[u8], watch: Stopwatch) -> Result<Vec<u8>, String> {
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("it has no input or output".to_owned());
        };
        let message = message.to_vec();
        // A program that knows its answer need not read the whole message.
        std::thread::spawn(move || drop(input.write_all(&message)));
        let (sender, receiver) = mpsc::channel();
        // One more, so that too many are seen as such.
        let read = u64::try_from(self.most)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let answer = output.take(read).read_to_end(&mut bytes);
            // Whoever waits may have given up.
            drop(sender.send(answer.map(|_| bytes)));
        });
        match receiver.recv_timeout(self.time.saturating_sub(watch.elapsed())) {
            Ok(Ok(bytes)) if bytes.len() > self.most => {
                Err(format!("its output is longer than {} bytes", self.most))
            }
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(format!("its output: {error}")),
            Err(_) => Err(self.too_slow()),
        }
    }

    fn end(&self, child: &mut Child, watch: Stopwatch) -> Result<(), String> {
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("it failed: {status}")),
                Ok(None) if watch.elapsed() > self.time => return Err(self.too_slow()),
                Ok(None) => std::thread::sleep(PAUSE),
                Err(error) => return Err(format!("it cannot be waited for: {error}")),
            }
        }
    }

    fn too_slow(&self) -> String {
        format!("it ran for more than {} s", self.time.as_secs())
    }
}

impl Signer for CommandSigner {
    fn public_key(&self) -> PublicKey {
        self.key
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let output = self.program.ask(message).map_err(SignerError::Refused)?;
        let signature = read(&output).ok_or_else(|| {
            let why = "its output is neither the 64 bytes of a signature nor their base64";
            SignerError::Refused(format!("{}: {why}", self.program.path))
        })?;
        self.key.verify(message, &signature)?;
        Ok(signature)
    }
}

/// 64 raw bytes, or their base64 with white space around it.
fn read(output: &[u8]) -> Option<Signature> {
    if let Ok(bytes) = output.try_into() {
        return Some(Signature::from_bytes(bytes));
    }
    let text = std::str::from_utf8(output).ok()?.trim();
    let bytes = STANDARD_PAD_INDIFFERENT
        .decode(text)
        .or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode(text))
        .ok()?;
    Some(Signature::from_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    fn sh(script: &str) -> CommandSigner {
        let key = SigningKey::from_seed([7; 32]).public_key();
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        CommandSigner::new("sh".to_owned(), arguments, key)
    }

    fn said(signer: &CommandSigner, message: &[u8]) -> String {
        signer.sign(message).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let large = vec![b'x'; 1 << 20];
        for (script, why) in [
            ("cat > /dev/null; exit 3", "it failed: exit status: 3"),
            ("printf short", "neither the 64 bytes"),
            ("printf ''", "neither the 64 bytes"),
            ("while :; do echo xxxxxxxx; done", "longer than 256 bytes"),
            ("head -c 64 /dev/zero", "does not verify"),
        ] {
            for message in [b"m".as_slice(), &large] {
                let error = said(&sh(script), message);
                assert!(error.contains(why), "{script}: {error}");
            }
        }
        let mut absent = sh("");
        absent.program.path = "/karat-absent".to_owned();
        assert!(said(&absent, b"").contains("cannot be started"));
    }

    #[test]
    fn nobody_waits_for_ever() {
        for script in ["exec sleep 100", "exec sleep 100 >&-"] {
            let mut signer = sh(script);
            signer.program.time = Duration::from_millis(50);
            assert!(
                said(&signer, b"").contains("it ran for more than"),
                "{script}"
            );
        }
    }

    #[test]
    fn both_forms_of_a_signature() {
        let key = SigningKey::from_seed([7; 32]);
        let signature = key.sign(b"m").unwrap();
        let raw = signature.as_bytes();
        assert_eq!(read(raw), Some(signature));
        let text = base64::engine::general_purpose::STANDARD.encode(raw);
        for text in [
            text.clone(),
            format!(" {text}\n"),
            text.trim_end_matches('=').to_owned(),
            text.replace('+', "-").replace('/', "_"),
        ] {
            assert_eq!(read(text.as_bytes()), Some(signature), "{text}");
        }
        assert_eq!(read(&raw[..63]), None);
        assert_eq!(read("é".repeat(44).as_bytes()), None);
    }
}
