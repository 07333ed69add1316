local cjson = require "cjson"
local failures = require "aitronos.failure"

local SECRET = "uuid-12345678-1234-1234-1234-123456789abc"

local function answer(status, body, more)
  local facts = {
    status = status,
    body = body,
    outcome = "rejected",
    retryable = false,
    attempts = 1,
    elapsed = 0.2,
  }
  for name, value in pairs(more or {}) do
    facts[name] = value
  end
  return failures.error(facts)
end

local function failed(failure, more)
  local facts = {
    failure = failure,
    outcome = "unknown",
    retryable = false,
    attempts = 2,
    elapsed = 1.5,
  }
  for name, value in pairs(more or {}) do
    facts[name] = value
  end
  return failures.error(facts)
end

describe("an answer of the server", function()
  it("gives the documented 403 field by field", function()
    local err = answer(403, {
      success = false,
      error = {
        code = "INSUFFICIENT_PERMISSIONS",
        message = "You don't have permission to perform this action.",
        system_message = "User lacks the role that this needs",
        type = "client_error",
        status = 403,
        details = {},
        trace_id = "abc-123-def",
        timestamp = "2025-01-01T00:00:00Z",
      },
    }, { request_id = "req_1" })
    assert.equal("permission", err.kind)
    assert.equal("INSUFFICIENT_PERMISSIONS", err.code)
    assert.equal("You don't have permission to perform this action.", err.message)
    assert.equal("User lacks the role that this needs", err.system_message)
    assert.equal("client_error", err.type)
    assert.same({}, err.details)
    assert.equal("abc-123-def", err.trace_id)
    assert.equal("2025-01-01T00:00:00Z", err.timestamp)
    assert.equal(403, err.status)
    assert.equal("req_1", err.request_id)
    assert.equal("rejected", err.outcome)
    assert.is_false(err.retryable)
    assert.is_nil(err.retry_after)
    assert.equal(1, err.attempts)
    assert.equal(0.2, err.elapsed)
    assert.equal(
      "permission: You don't have permission to perform this action. "
        .. "(INSUFFICIENT_PERMISSIONS, HTTP 403, trace abc-123-def)",
      tostring(err)
    )
  end)

  it("has a kind, a code and words by its status alone", function()
    for status, wanted in pairs {
      [400] = { "bad_request", "Bad Request" },
      [401] = { "authentication", "Unauthorized" },
      [402] = { "client", "Payment Required" },
      [403] = { "permission", "Forbidden" },
      [404] = { "not_found", "Not Found" },
      [408] = { "client", "Request Timeout" },
      [409] = { "conflict", "Conflict" },
      [422] = { "validation", "Unprocessable Content" },
      [429] = { "rate_limit", "Too Many Requests" },
      [500] = { "server", "Internal Server Error" },
      [502] = { "server", "Bad Gateway" },
      [503] = { "server", "Service Unavailable" },
      [504] = { "server", "Gateway Timeout" },
      [418] = { "client", "The server answered with an error and no explanation" },
      [599] = { "server", "The server answered with an error and no explanation" },
    } do
      for _, failure in ipairs { false, "not_json", "not_object", "no_content" } do
        local err = answer(status, nil, { failure = failure or nil })
        assert.equal(wanted[1], err.kind)
        assert.equal(wanted[2], err.message)
        assert.equal("HTTP_" .. status, err.code)
        assert.equal(status, err.status)
      end
    end
  end)

  it("is a redirect that is not followed, whatever it says", function()
    for _, status in ipairs { 301, 302, 303, 307, 308 } do
      local err = answer(status, { error = { message = "Moved to https://evil.example" } })
      assert.equal("client", err.kind)
      assert.equal("HTTP_" .. status, err.code)
      assert.truthy(err.message:find("redirects are not followed", 1, true))
      assert.truthy(err.message:find("base_url", 1, true))
      assert.is_nil(err.message:find("evil", 1, true))
    end
  end)

  it("may have the older shape", function()
    local err = answer(422, {
      detail = "Validation failed",
      status_code = 422,
      error_type = "ValidationError",
      meta = { timestamp = "2024-01-01T00:00:00Z", request_id = "req_body" },
      errors = { { field = "email", message = "Invalid email", code = "INVALID_FORMAT" } },
    })
    assert.equal("validation", err.kind)
    assert.equal("INVALID_FORMAT", err.code)
    assert.equal("Validation failed", err.message)
    assert.equal("ValidationError", err.type)
    assert.equal("2024-01-01T00:00:00Z", err.timestamp)
    assert.equal("req_body", err.request_id)
    assert.same(
      { { field = "email", message = "Invalid email", code = "INVALID_FORMAT" } },
      err.details
    )

    err = answer(401, {
      detail = "Invalid API key", status_code = 401, error_type = "AuthenticationError",
    })
    assert.equal("authentication: Invalid API key (HTTP_401, HTTP 401)", tostring(err))
    assert.equal("AuthenticationError", err.type)
  end)

  it("of the older shape builds its message from the errors where there is no other", function()
    local err = answer(422, {
      errors = {
        { field = "email", message = "is bad" },
        { message = "and more", code = "FIRST" },
        { code = "SECOND" },
      },
      meta = { request_id = "req_body" },
    }, { request_id = "req_header" })
    assert.equal("email: is bad; and more", err.message)
    assert.equal("FIRST", err.code)
    assert.equal("req_header", err.request_id)
  end)

  it("may be FastAPI's own, as text or as a list", function()
    assert.equal("Not authenticated", answer(401, { detail = "Not authenticated" }).message)

    local err = answer(422, {
      detail = {
        { loc = { "body", "email" }, msg = "value is not a valid email", type = "value_error" },
        { loc = { "body", "ids", 0 }, msg = "field required", type = "missing" },
        { msg = "no place" },
        "nonsense",
        { loc = { "body" } },
      },
    })
    assert.equal("validation", err.kind)
    assert.equal("HTTP_422", err.code)
    assert.is_nil(err.type)
    assert.same({
      { field = "body.email", message = "value is not a valid email" },
      { field = "body.ids.0", message = "field required" },
      { message = "no place" },
    }, err.details)
    assert.equal(
      "body.email: value is not a valid email; body.ids.0: field required; no place",
      err.message
    )
  end)

  it("is believed only where its fields have their types", function()
    for _, nonsense in ipairs { 1, true, {}, { "a" }, "", "  ", cjson.null } do
      local err = answer(500, {
        error = {
          code = nonsense, message = nonsense, system_message = nonsense, type = nonsense,
          trace_id = nonsense, timestamp = nonsense,
        },
      })
      assert.equal("HTTP_500", err.code)
      assert.equal("Internal Server Error", err.message)
      for _, field in ipairs { "system_message", "type", "trace_id", "timestamp" } do
        assert.is_nil(err[field])
      end
    end
    for _, nonsense in ipairs { 1, true, {}, { 1 }, { {} }, { { loc = 1, msg = 2 } }, { { 1 } } } do
      for _, body in ipairs {
        nonsense, { error = nonsense }, { detail = nonsense }, { errors = nonsense },
        { meta = nonsense }, { error_type = nonsense }, { error = { details = nonsense } },
      } do
        local err = answer(404, body)
        assert.equal("not_found: Not Found (HTTP_404, HTTP 404)", tostring(err))
      end
    end
    assert.is_nil(answer(404, { error = { details = "text" } }).details)
  end)

  it("is never shown as HTML", function()
    for _, page in ipairs {
      "<html><body>502</body></html>", "<!DOCTYPE html><p>x", "\n <HTML>", "Bad gateway</h1>",
    } do
      for _, body in ipairs { { detail = page }, { error = { message = page } } } do
        assert.equal("Bad Gateway", answer(502, body).message)
      end
    end
    local kept = "Anna <anna@example.com> was invited; 1 < 2 > 0"
    assert.equal(kept, answer(409, { detail = kept }).message)
  end)

  it("is bounded #bulk", function()
    local huge = ("é"):rep(2 ^ 19)
    local err = answer(400, {
      error = {
        message = huge, system_message = huge, code = huge, type = huge, trace_id = huge,
        timestamp = huge, details = { huge = huge },
      },
    }, { request_id = huge })
    for _, field in ipairs { "message", "system_message" } do
      assert.truthy(#err[field] <= 1024)
      assert.equal("é…", err[field]:sub(-5))
    end
    for _, field in ipairs { "code", "type", "trace_id", "timestamp", "request_id" } do
      assert.truthy(#err[field] <= 128)
    end
    assert.truthy(#err.details.huge <= 1024)
    assert.truthy(#answer(400, { detail = ("invite=x&"):rep(200) }).message <= 1024)

    local many, deep = {}, {}
    for i = 1, 50000 do
      many[i] = { loc = { "body" }, msg = "bad" }
      deep = { deep }
    end
    assert.equal(100, #answer(422, { detail = many }).details)
    assert.truthy(#cjson.encode(answer(422, { errors = many }):to_table()) < 1000000)
    assert.truthy(#cjson.encode(answer(422, { error = { details = deep } }):to_table()) < 1000)
  end)

  it("gives no invitation away, wherever it stands", function()
    local link = "https://chat.aitronos.com/user/register?invite=" .. SECRET
    local texts = {
      "see " .. link .. " for more", link, "INVITE=" .. SECRET, "invite=\"" .. SECRET .. "\"",
      "u=https%3A%2F%2Fx%3Finvite%3D" .. SECRET, "invite%3d" .. SECRET, "<a href=" .. link .. ">",
      "invitation_key: " .. SECRET, "{\"invitation_key\": \"" .. SECRET .. "\"}",
      "{\\\"email_key\\\":\\\"" .. SECRET .. "\\\"}", "{'invitation_link': '" .. link .. "'}",
      "emailKey=" .. SECRET, "Invitation-Link = https://x/" .. SECRET, "invite=<" .. SECRET .. ">",
      "invite=" .. SECRET .. "&invite=" .. SECRET,
      ("x"):rep(1000) .. " invite=" .. SECRET,
    }
    for _, text in ipairs(texts) do
      local nested = { a = { { b = text, [text] = 1 }, text } }
      for _, body in ipairs {
        { error = {
          message = text, system_message = text, code = text, type = text, trace_id = text,
          timestamp = text, details = nested,
        } },
        { detail = text, error_type = text, meta = { timestamp = text, request_id = text } },
        { errors = { { field = text, message = text, code = text, nested } } },
        { detail = { { loc = { text, "x" }, msg = text } } },
      } do
        local err = answer(409, body, { request_id = text })
        local out = tostring(err) .. err.message .. cjson.encode(err:to_table())
        assert.is_nil(out:find("12345678", 1, true), out)
        assert.is_nil(cjson.encode(err.details or {}):find("12345678", 1, true))
      end
      assert.is_nil(failed("internal", { text = text }).message:find("12345678", 1, true))
    end
    local kept = "Could not invite: quota reached"
    assert.equal(kept, answer(403, { detail = kept }).message)
  end)

  it("loses the keys of invitations from its details at any depth", function()
    local err = answer(409, {
      error = {
        details = {
          invitation_key = SECRET,
          invitation = { { invitation_link = SECRET, email_key = SECRET, user_id = "usr_1" } },
          invitationKey = SECRET,
          ["Email-Key"] = { SECRET },
          email = "a@b",
        },
      },
    })
    assert.same({ invitation = { { user_id = "usr_1" } }, email = "a@b" }, err.details)
  end)

  it("does not repeat what was in a field that lets its reader join", function()
    local err = answer(422, {
      error = { details = { field = "invitation_key", value = SECRET, reason = "expired" } },
    })
    assert.same({ field = "invitation_key", reason = "expired" }, err.details)
  end)

  it("is never retryable where the outcome is unknown", function()
    local more = { outcome = "unknown", retryable = true }
    assert.is_false(answer(500, nil, more).retryable)
    more.outcome = "rejected"
    assert.is_true(answer(429, nil, more).retryable)
  end)

  it("tells how long to wait", function()
    assert.equal(7, answer(429, nil, { retry_after = 7 }).retry_after)
  end)
end)

describe("a failure without an answer", function()
  local WANTED = {
    resolve = { "connection", "NAME_NOT_RESOLVED" },
    connect = { "connection", "CONNECTION_FAILED" },
    reset = { "connection", "CONNECTION_LOST" },
    resend = { "connection", "CONNECTION_LOST" },
    proxy = { "connection", "PROXY_FAILED" },
    http2 = { "connection", "HTTP2_ERROR" },
    out_of_memory = { "connection", "OUT_OF_MEMORY" },
    internal = { "connection", "LIBCURL_ERROR" },
    connect_timeout = { "timeout", "CONNECT_TIMEOUT" },
    timeout = { "timeout", "REQUEST_TIMEOUT" },
    deadline = { "timeout", "DEADLINE_EXCEEDED" },
    tls = { "tls", "TLS_HANDSHAKE_FAILED" },
    certificate = { "tls", "CERTIFICATE_NOT_TRUSTED" },
    ca_file = { "tls", "CA_FILE_UNUSABLE" },
    not_http = { "protocol", "NOT_HTTP" },
    truncated = { "protocol", "RESPONSE_TRUNCATED" },
    bad_encoding = { "protocol", "BAD_CONTENT_ENCODING" },
    response_too_large = { "protocol", "RESPONSE_TOO_LARGE" },
    headers_too_large = { "protocol", "HEADERS_TOO_LARGE" },
    not_json = { "protocol", "NOT_JSON" },
    not_object = { "protocol", "NOT_AN_OBJECT" },
    no_content = { "protocol", "NO_CONTENT" },
    unexpected = { "protocol", "UNEXPECTED_ANSWER" },
    lookup_disagrees = { "conflict", "INVITATION_ROLE_DIFFERS" },
    url = { "config", "INVALID_URL" },
    cancelled = { "cancelled", "CANCELLED" },
    forked = { "cancelled", "PROCESS_FORKED" },
    closed = { "cancelled", "CLIENT_CLOSED" },
  }

  it("has a kind, a code and a sentence of its own", function()
    local seen = {}
    for failure, wanted in pairs(WANTED) do
      local err = failed(failure)
      assert.equal(wanted[1], err.kind)
      assert.equal(wanted[2], err.code)
      assert.is_nil(seen[err.message], failure)
      seen[err.message] = true
      assert.equal("unknown", err.outcome)
      assert.equal(2, err.attempts)
      assert.equal(1.5, err.elapsed)
    end
  end)

  it("adds libcurl's words, escaped only in the line", function()
    local err = failed("resolve", { text = "Could not resolve host: x\n", outcome = "not_sent" })
    local words = "The server's name could not be resolved: Could not resolve host: x"
    assert.equal(words .. "\n", err.message)
    assert.equal("connection: " .. words .. "\\n (NAME_NOT_RESOLVED)", tostring(err))
  end)

  it("names the TLS library where TLS failed, and only there", function()
    local more = { tls_library = "libcurl/7.88.1 OpenSSL/3.0.22", text = ("x"):rep(2000) }
    for failure, wanted in pairs(WANTED) do
      local named = failed(failure, more).message:sub(-31) == "[libcurl/7.88.1 OpenSSL/3.0.22]"
      assert.equal(wanted[1] == "tls", named)
    end
    assert.truthy(failed("certificate").message:find("ca_file", 1, true))
  end)

  it("stays one about the answer's form where the status is no error", function()
    assert.equal("NOT_JSON", answer(200, nil, { failure = "not_json" }).code)
    assert.equal("NO_CONTENT", answer(204, nil, { failure = "no_content" }).code)
    assert.equal("RESPONSE_TOO_LARGE", answer(502, nil, { failure = "response_too_large" }).code)
  end)

  it("is libcurl's where its name is not known", function()
    assert.equal("LIBCURL_ERROR", failed("surprise").code)
    assert.equal("LIBCURL_ERROR", failed(nil).code)
  end)
end)
