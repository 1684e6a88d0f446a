"""A page of a real browser that keeps an account of what no page of ours may do."""

from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

# The browser tells a page of what its policy stopped; such an event reaches us as a line in the console.
TELL = """
document.addEventListener("securitypolicyviolation", (event) => {
  const place = `${event.sourceFile}:${event.lineNumber}`;
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${place} ${event.sample}`);
});
"""


class Watch:
    """Every violation of the policy, script error, failed request and foreign host, of all pages of a context."""

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.found: list[str] = []
        self.home = home
        self.allowed: set[int] = set()
        context.add_init_script(TELL)
        context.on("console", self._line)
        context.on("weberror", lambda error: self.found.append(f"script: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def _line(self, message: ConsoleMessage) -> None:
        # What failed to load is judged by its status in _response, which knows which ones are meant.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.found.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.found.append(f"foreign host: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # a page that is left while it still loads
            self.found.append(f"failed: {request.url} {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed:
            self.found.append(f"{response.status}: {response.url}")

    def expect(self, *statuses: int) -> None:
        """Answers that this test provokes."""
        self.allowed |= set(statuses)


def settled(page: Page) -> None:
    """Everything loaded and every picture drawn."""
    page.wait_for_load_state("load")
    page.evaluate("Promise.all([...document.images].map((image) => image.decode().catch(() => {})))")


def focused(page: Page) -> dict[str, Any]:
    told: dict[str, Any] = page.evaluate(
        "() => ({id: document.activeElement.id, name: document.activeElement.name ?? '', "
        "text: document.activeElement.textContent.trim()})"
    )
    return told
