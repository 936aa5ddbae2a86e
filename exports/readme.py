"""README.txt of a bundle. Its bytes belong to the format: the verifier knows their digest, so that nothing can be slipped in."""

from __future__ import annotations

from typing import Final

README: Final = """\
ATTESTREAM EVIDENCE BUNDLE, FORMAT 2

What this is
  Evidence that an Attestream service collected, with what is needed to check that it is whole and unchanged.
  It is checked on your own computer, with no network and without trusting whoever gave it to you.

What you need, and must NOT take from this archive or from whoever sent it along with it
  1. verify.py, the verifier: one Python file, exports/verify.py in Attestream's source code. Read it if you like.
     It needs Python 3.11 or later and the package "cryptography".
  2. The log's public key, one line that reads  NAME+HASH+BASE64 . Ask the organisation for it once, by a way that you
     trust, and keep it. A key that comes with a bundle proves nothing, and the verifier refuses a bundle that holds one.

How to verify
  python verify.py THIS-FILE.zip --key 'NAME+HASH+BASE64'
  Add --min-size N with the size of the newest checkpoint that you know of: an older log is then refused.
  Add --seen FILE with a checkpoint of an earlier bundle: a log whose history was rewritten is then refused.
  Add --from, --to, --control, --source, --known-at with what you had asked for: another bundle is then refused.
  Exit codes: 0 verified; 4 changed, forged or malformed; 5 something is missing; 6 older than you demand;
  7 verified, but some bytes were erased, as the log itself says; 1 could not run; 2 wrong usage.

What is in it
  checkpoint      the signed head of the log: its name, number of entries, and the hash over all of them
  entries.jsonl   the metadata of EVERY entry of the log, so that nothing can be left out unseen
  details.jsonl   for the selected entries: identifiers, tags with reasons, errors, and the salts of the commitments
  payloads/       for the selected entries: the bytes that the source delivered, unchanged
  proofs.jsonl    for each selected item of evidence a proof by which it can be shown alone, without the rest
  index.csv       the selected evidence as a table. Cells that a spreadsheet would run begin with an apostrophe
  soa.csv         the Statement of Applicability: what was stated of each control
  exceptions.csv  deviations that were accepted: why, by whom, until when
  attestations.csv  what people stated of controls: who, until when, with which files
  risks.csv       risks and the controls that treat them
  status.json     the state of the controls at the end of the period, and the findings behind it
  manifest.json   what was asked for, what was selected, and the SHA-256 of the files

  The full description of the format is docs/bundle.md in Attestream's source code.
"""
