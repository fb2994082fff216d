//! Something that signs, without showing its key.

/// Signs bytes with a key that stays where it is. `keys` implements it; `ledger` uses it.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// The name of the key, as it stands in a C2SP signed note.
    fn name(&self) -> &str;
    /// The Ed25519 public key, 32 bytes.
    fn public_key(&self) -> &[u8];
    /// The Ed25519 signature of `message`, 64 bytes.
    fn sign(&self, message: &[u8]) -> Vec<u8>;
}
