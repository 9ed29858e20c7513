"""The session file: the view in the shape in which PraisonAI keeps sessions.

`<session>.json` holds PraisonAI's own data (messages, metadata …) and, under
`runtime_state`, our view. We change that key and `updated_at` and keep the others byte
for byte (re-encoded only where the file is no strict JSON: Python writes NaN). We write
under PraisonAI's own lock (`<session>.json.lock`, `flock`), by a new file and a rename.
The log is the truth; this file can be rebuilt from it. Where states are encrypted, there is no
`runtime_state` in it.

`document` knows the JSON, `finding` which file is a session's, `file` reads and writes it.
"""

from projections.store.session_file.document import NOTHING
from projections.store.session_file.file import FileLook, SessionFile
from projections.store.session_file.finding import session_id_in

__all__ = ["NOTHING", "FileLook", "SessionFile", "session_id_in"]
