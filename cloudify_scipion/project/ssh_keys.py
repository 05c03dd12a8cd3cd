"""Public SSH keys of project files: plain keys only, since what stands before a key could be a command."""

from __future__ import annotations

import base64
import binascii

KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def ssh_key_problem(text: str) -> str:
    """Why `text` is not one plain public key; empty if it is one."""
    if "PRIVATE KEY" in text or text.startswith("PuTTY-User-Key-File"):
        return (
            "this is a private key: make a new pair, since this one has been shown, and give the line of the .pub file"
        )
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        return "a key is one line, without control characters"
    words = text.split()
    if not words or words[0] not in KEY_TYPES:
        return f"a key begins with its type ({', '.join(KEY_TYPES[:3])}, ...), without options before it"
    if len(words) < 2 or not _holds_type(words[1], words[0]):
        return f"the text after {words[0]} is not such a key (cut off when it was copied?)"
    return ""


def _holds_type(encoded: str, key_type: str) -> bool:
    """A key's binary form begins with the length of its type's name and that name, and goes on after it."""
    try:
        binary = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    head = len(key_type).to_bytes(4, "big") + key_type.encode()
    return binary.startswith(head) and len(binary) > len(head) + 4
