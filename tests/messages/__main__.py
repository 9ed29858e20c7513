"""`python -m tests.messages` brings the lines of messages on the page up to date."""

from tests.messages.page import PAGE, UNEXPLAINED, entries, updated
from tests.messages.source import messages, remedies

page = updated(PAGE.read_text(), messages() | remedies())
PAGE.write_text(page)
titles = [title for title, _ in entries(page)]
print(f"{PAGE}: {len(titles)} entries, {titles.count(UNEXPLAINED)} not explained yet")
