local support = require "spec.support.journal"

if support.unfit then
  it("the journal", function() pending(support.unfit) end)
  return
end

local fcntl = require "posix.fcntl"
local journals = require "aitronos.journal"
local shell = require "spec.support.shell"
local stat = require "posix.sys.stat"

local ORGANIZATION = support.ORGANIZATION
local HEADER = '{"aitronos_journal":1,"organization_id":"org_xyz789"}\n'

describe("the journal", function()
  local place = support.each()
  local path = place.path

  it("is made for its owner only, with a header", function()
    local journal = place:open("https://api.example.com")
    assert.equal(stat.S_IRUSR + stat.S_IWUSR, stat.stat(path).st_mode % 512)
    local header = shell.read_file(path)
    assert.truthy(header:find('^{"aitronos_journal":1,"organization_id":"org_xyz789",'
      .. '"base_url":"https:\\/\\/api.example.com","command":"invite","started":%d+}\n$'), header)
    assert.same({ done = 0, open = 0 }, journal.counts)
    assert.is_nil(journal:entry "a@example.com")
    assert.is_true(journal:close())
  end)

  it("is not for the programs that this one starts", function()
    local journal = place:open()
    assert.equal(fcntl.FD_CLOEXEC, fcntl.fcntl(journal.fd, fcntl.F_GETFD))
    assert(journal:close())
  end)

  describe("has what an earlier run left:", function()
    local RECORD = {
      line = 12, address = "A@Example.com", role = "role_x", outcome = "invited",
      invitation_id = "inv_1", expires_at = "2026-01-01T00:00:00Z", status = 201, code = "CODE",
      message = 'said "no"\n\0\127\195\164', trace_id = "abc", attempts = 2, reconciled = false,
    }

    it("an intent", function()
      local before = os.time()
      local journal = place:after(function(run)
        run:intend("a@example.com", "role_x")
        run:intend("b@example.com")
      end)
      local entry = journal:entry "a@example.com"
      assert.truthy(entry.at >= before and entry.at <= os.time())
      assert.same({ state = "intent", role = "role_x", at = entry.at }, entry)
      assert.is_nil(journal:entry("b@example.com").role)
      assert.is_nil(journal:entry "c@example.com")
      assert.same({ done = 0, open = 2 }, journal.counts)
    end)

    it("an end, with its whole record", function()
      local journal = place:after(function(run)
        run:intend("a@example.com", "role_x")
        run:finish("a@example.com", RECORD)
      end)
      local entry = journal:entry "a@example.com"
      assert.equal("12", tostring(entry.line))
      assert.equal("done", entry.state)
      entry.state = nil
      assert.same(RECORD, entry)
      assert.same({ done = 1, open = 0 }, journal.counts)
    end)

    it("an intent after an end", function()
      local journal = place:after(function(run)
        run:finish("a@example.com", { outcome = "rejected" })
        run:intend("a@example.com", "role_y")
      end)
      local entry = journal:entry "a@example.com"
      assert.same({ state = "intent", role = "role_y", at = entry.at }, entry)
      assert.same({ done = 0, open = 1 }, journal.counts)
    end)

    it("nothing of an intent that was taken back", function()
      local journal = place:after(function(run)
        run:intend("a@example.com", "role_x")
        run:retract("a@example.com")
        run:finish("b@example.com", { outcome = "rejected" })
      end)
      assert.is_nil(journal:entry "a@example.com")
      journal:intend("b@example.com", "role_x")
      journal:retract("b@example.com")
      assert.is_nil(journal:entry "b@example.com")
      assert(journal:close())
      assert.is_nil(place:open():entry "b@example.com")
    end)

    it("its doubt, though a later run takes its own intent back", function()
      local journal = place:after(function(run) run:intend("a@example.com", "role_x") end)
      journal:intend("a@example.com", "role_y")
      journal:retract("a@example.com")
      assert.equal("role_x", journal:entry("a@example.com").role)
      assert(journal:close())
      assert.equal("intent", place:open():entry("a@example.com").state)
    end)

    it("also for one who only looks, and changes nothing", function()
      assert.is_nil(journals.read(path, ORGANIZATION, nil, "invite"))
      assert.is_nil(shell.read_file(path))
      place:after(function(run) run:intend("a@example.com", "role_x") end):close()
      local before = shell.read_file(path) .. '{"intent":"b@exam'
      shell.write_file(path, before)
      local journal = assert(journals.read(path, ORGANIZATION, nil, "invite"))
      assert.equal("intent", journal:entry("a@example.com").state)
      assert.is_true(journal:close())
      assert.equal(before, shell.read_file(path))
      local _, message = journals.read(path, "org_123", nil, "invite")
      assert.truthy(message:find("is the journal of another run", 1, true))
    end)

    it("also for one who only looks at what lacks its last line feed", function()
      place:after(function(run) run:finish("a@example.com", { line = 7 }) end):close()
      shell.write_file(path, (shell.read_file(path):gsub("\n$", "")))
      local journal = assert(journals.read(path, ORGANIZATION, nil, "invite"))
      assert.equal(7, journal:entry("a@example.com").line)
      assert.is_true(journal:close())
    end)

    it("is not taken for none where it can't be opened", function()
      shell.run("ln -s nowhere " .. shell.quote(path))
      local journal, message = journals.read(path, ORGANIZATION, nil, "invite")
      assert.is_nil(journal)
      assert.truthy(message:find("cannot open", 1, true))
    end)

    it("all that several runs left", function()
      place:after(function(run) run:finish("a@example.com", { line = 1 }) end):close()
      local journal = place:after(function(run) run:finish("b@example.com", { line = 2 }) end)
      assert.equal(1, journal:entry("a@example.com").line)
      assert.equal(2, journal:entry("b@example.com").line)
    end)
  end)

  it("says nothing of what this run wrote", function()
    local journal = place:open()
    journal:intend("a@example.com", "role_x")
    assert(journal:sync())
    assert.is_nil(journal:entry "a@example.com")
  end)

  it("reads on well after it wrote", function()
    local journal = place:after(function(run) run:finish("a@example.com", { line = 1 }) end)
    journal:finish("b@example.com", { line = 2 })
    assert(journal:flush())
    assert.equal(1, journal:entry("a@example.com").line)
    journal:finish("c@example.com", { line = 3 })
    assert(journal:close())
    journal = place:open()
    for line, key in ipairs { "a@example.com", "b@example.com", "c@example.com" } do
      assert.equal(line, journal:entry(key).line)
    end
  end)

  it("holds no secret and nothing that is no field of a report", function()
    local journal = place:after(function(run)
      run:finish("a@example.com", {
        line = 1, invitation_key = "secret", invitation_link = "secret", email_key = "secret",
        other = "secret",
      })
    end)
    assert.same({ state = "done", line = 1 }, journal:entry "a@example.com")
    assert.is_nil(shell.read_file(path):find("secret", 1, true))
  end)

  it("takes whatever a server may have sent", function()
    local journal = place:after(function(run)
      run:finish("a@example.com", {
        line = 1, message = { "no text" }, status = 0 / 0, attempts = 1 / 0,
        invitation_id = ("x"):rep(3000000), trace_id = "\255\254",
      })
    end)
    local entry = journal:entry "a@example.com"
    assert.same({ "invitation_id", "line", "state", "trace_id" }, (function()
      local names = {}
      for name in pairs(entry) do
        names[#names + 1] = name
      end
      table.sort(names)
      return names
    end)())
    assert.truthy(#entry.invitation_id <= 4096)
    assert.equal("\255\254", entry.trace_id)
  end)

  it("raises on a key that is no string", function()
    local journal = place:open()
    assert.has_error(function() journal:intend(7) end,
      "the key of a journal's line must be a string, not number")
    assert.has_error(function() journal:finish(nil, {}) end,
      "the key of a journal's line must be a string, not nil")
  end)

  describe("refuses, and leaves as it is,", function()
    local function assert_refused(content, words, ...)
      shell.write_file(path, content)
      local journal, message = journals.open(path, ORGANIZATION, ...)
      assert.is_nil(journal)
      assert.truthy(message:find(path, 1, true), message)
      assert.truthy(message:find(words, 1, true), message)
      assert.equal(content, shell.read_file(path))
    end

    it("that of another organization", function()
      assert_refused('{"aitronos_journal":1,"organization_id":"org_other\\n"}\n',
        "its organization_id is org_other\\n, not org_xyz789")
      assert_refused('{"aitronos_journal":1}\n', "its organization_id is ?, not org_xyz789")
      assert_refused(HEADER .. '{"aitronos_journal":1,"organization_id":"org_other"}',
        "its organization_id is org_other, not org_xyz789")
    end)

    it("that of another API", function()
      local header = HEADER:gsub("}", ',"base_url":"https://a"}')
      assert_refused(header, "its base_url is https://a, not https://b", "https://b")
      place:open():close()
      place:open("https://a"):close()
    end)

    it("that of another command, which is to invite where it does not say", function()
      assert_refused(HEADER, "its command is invite, not resend", nil, "resend")
      local header = HEADER:gsub("}", ',"command":"resend"}')
      assert_refused(header, "its command is resend, not invite")
      place:open(nil, "resend"):close()
    end)

    it("one of another version", function()
      for _, version in ipairs { "2", '"1"', "null", "{}" } do
        assert_refused('{"aitronos_journal":' .. version .. ',"organization_id":"org_xyz789"}\n',
          "is a journal of a version that this program does not know")
      end
    end)

    it("what is not a journal", function()
      for _, content in ipairs {
        "\n", "{}", '{\n  "email": 1\n}',
        "email\na@example.com\n", "a@example.com", '{"email":"a@example.com"}\n',
        '{"intent":"a@example.com"}\n' .. HEADER, "[1]", "1", '"', "\n" .. HEADER, "\0\0x",
        '{"ait\0x', "\239\187\191" .. HEADER,
        '{"aitronos_journals', ("\0"):rep(2000000), ("x"):rep(2000000),
      } do
        assert_refused(content, "is not a journal of aitronos-invite")
      end
    end)

    it("one that somebody else wrote into", function()
      local line = '{"done":"a@example.com"}\n'
      for _, damage in ipairs {
        "x\n", "\n", "{}\n", '{"done":1}\n', "[]\n", '{"done":"b@ex\n', '{"done":"b"} x\n',
        "x\n\0\n",
      } do
        assert_refused(HEADER .. line .. damage .. line, "is damaged at line 3")
      end
    end)
  end)

  it("passes over what a run that broke off left", function()
    local a, b = '{"done":"a@example.com"}\n', '{"done":"b@example.com"}\n'
    for _, tail in ipairs {
      "x", "x\n", '{"done":"c@exam', "\0\0\0", "x\0\0\ny\nz", '"done":"c@example.com"}\n\n',
    } do
      shell.write_file(path, HEADER .. a .. tail)
      local journal = place:open()
      assert.same({ done = 1, open = 0 }, journal.counts)
      journal:finish("b@example.com", {})
      assert(journal:close())
      journal = place:open()
      assert.same({ done = 2, open = 0 }, journal.counts)
      assert(journal:close())
    end
    -- Blocks between others that never reached the disk.
    shell.write_file(path, HEADER .. a .. '{"don\0\0\0\0ple.com"}\n' .. b)
    assert.same({ done = 2, open = 0 }, place:open().counts)
  end)

  it("counts a last line that only lacks its line feed", function()
    shell.write_file(path, HEADER .. '{"done":"a@example.com","line":7}')
    local journal = place:open()
    assert.equal(7, journal:entry("a@example.com").line)
    assert(journal:close())
    assert.equal(7, place:open():entry("a@example.com").line)
  end)

  it("writes nothing once it is closed", function()
    local journal = place:open()
    assert.is_true(journal:close())
    assert.is_true(journal:close())
    journal:intend("a@example.com")
    assert.same({ nil, "cannot write " .. path .. ": it is closed" }, { journal:sync() })
    assert.same({ nil, "cannot write " .. path .. ": it is closed" }, { journal:flush() })
  end)
end)
