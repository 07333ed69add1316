--- The journal and the system: who else has the file, what is written when, and what fails.

local support = require "spec.support.journal"

if support.unfit then
  it("the journal", function() pending(support.unfit) end)
  return
end

local errno = require "posix.errno"
local journals = require "aitronos.journal"
local shell = require "spec.support.shell"
local signal = require "posix.signal"
local unistd = require "posix.unistd"

local ORGANIZATION = support.ORGANIZATION

describe("the journal", function()
  local place = support.each()
  local path = place.path

  describe("says why it can't be used:", function()
    it("no folder", function()
      local journal, message = journals.open("/nonexistent/x", ORGANIZATION)
      assert.is_nil(journal)
      assert.equal("cannot open /nonexistent/x: No such file or directory", message)
    end)

    it("no regular file", function()
      for _, name in ipairs { "/dev/null", "/tmp" } do
        local journal, message = journals.open(name, ORGANIZATION)
        assert.is_nil(journal)
        assert.equal("cannot use " .. name .. " as a journal: it is not a regular file", message)
      end
    end)

    it("a link to nothing, which it does not follow", function()
      local target = support.path()
      assert(unistd.link(target, path, true))
      local journal, message = journals.open(path, ORGANIZATION)
      assert.is_nil(journal)
      assert.truthy(message:find("No such file", 1, true), message)
      assert.is_nil(io.open(target))
    end)

    it("another run", function()
      local writer = support.start_writer("endless", path)
      local pid = tonumber(writer:read())
      local journal, message = journals.open(path, ORGANIZATION)
      signal.kill(pid, signal.SIGKILL)
      writer:read("*a")
      writer:close()
      assert.is_nil(journal)
      assert.equal(("another run, process %d, is using the journal %s"):format(pid, path), message)
      assert(place:open():close())
    end)
  end)

  describe("calls the system", function()
    local calls

    before_each(function()
      calls = {}
      local watched = {}
      for _, name in ipairs { "write", "fdatasync", "fsync" } do
        local own = unistd[name]
        watched[name] = function(...)
          calls[#calls + 1] = name
          return own(...)
        end
      end
      place:replace(watched)
    end)

    it("for a new file: header, sync, sync of the folder", function()
      place:open()
      assert.same({ "write", "fdatasync", "fsync" }, calls)
    end)

    it("once to write and once to sync, however much there is", function()
      local journal = place:open()
      calls = {}
      for i = 1, 100 do
        journal:intend(i .. "@example.com", "role_x")
        journal:finish(i .. "@example.com", { line = i })
      end
      assert.same({}, calls)
      assert(journal:sync())
      assert.same({ "write", "fdatasync" }, calls)
      assert(journal:sync())
      assert.same({ "write", "fdatasync" }, calls)
    end)

    it("to sync what was only written", function()
      local journal = place:open()
      calls = {}
      journal:intend("a@example.com")
      assert(journal:flush())
      assert.same({ "write" }, calls)
      assert(journal:sync())
      assert.same({ "write", "fdatasync" }, calls)
    end)
  end)

  describe("when the system fails", function()
    local write = unistd.write

    it("goes on after signals and short writes", function()
      local turn = 0
      place:replace {
        write = function(fd, text)
          turn = turn + 1
          if turn % 2 == 0 then
            return nil, "interrupted", errno.EINTR
          end
          return write(fd, text:sub(1, 7))
        end,
      }
      local journal = place:after(function(run) run:finish("a@example.com", { line = 1 }) end)
      assert.equal(1, journal:entry("a@example.com").line)
    end)

    it("keeps what there was no space for, and writes it when there is", function()
      local space = math.huge
      place:replace {
        write = function(fd, text)
          local fits = math.min(space, #text)
          space = space - fits
          if fits == 0 then
            return nil, "full", errno.ENOSPC
          end
          return write(fd, text:sub(1, fits))
        end,
      }
      local journal = place:open()
      journal:intend("a@example.com", "role_x")
      journal:finish("b@example.com", { line = 2 })
      space = 30
      for _ = 1, 2 do
        local fine, message = journal:sync()
        assert.is_nil(fine)
        assert.equal("cannot write " .. path .. ": No space left on device", message)
      end
      journal:finish("c@example.com", { line = 3 })
      space = math.huge
      assert(journal:close())
      journal = place:open()
      assert.same({ done = 2, open = 1 }, journal.counts)
      for line, key in pairs { [2] = "b@example.com", [3] = "c@example.com" } do
        assert.equal(line, journal:entry(key).line)
      end
    end)

    it("does not open without space for its header, and does with it", function()
      local space
      place:replace {
        write = function(fd, text)
          if space == 0 then
            return nil, "full", errno.ENOSPC
          end
          local written = write(fd, text:sub(1, space))
          space = space - written
          return written
        end,
      }
      for size = 0, 40 do
        space = size
        local journal, message = journals.open(path, ORGANIZATION)
        assert.is_nil(journal)
        assert.equal("cannot write " .. path .. ": No space left on device", message)
      end
      space = 1000
      assert(place:open():close())
      assert.same({ done = 0, open = 0 }, place:open().counts)
    end)

    it("believes no sync after one that failed", function()
      local journal = place:open()
      journal:intend("a@example.com")
      place:replace { fdatasync = function() return nil, "broken", errno.EIO end }
      local fine, message = journal:sync()
      assert.is_nil(fine)
      assert.equal("cannot sync " .. path .. ": Input/output error", message)
      place.put_back()
      assert.same({ nil, message }, { journal:sync() })
      assert.same({ nil, message }, { journal:close() })
      assert.is_true(journal:close())
    end)

    it("raises rather than not to know an entry", function()
      local journal = place:after(function(run) run:finish("a@example.com", {}) end)
      place:replace { read = function() return nil, "broken", errno.EIO end }
      assert.has_error(function() journal:entry "a@example.com" end,
        "cannot read " .. path .. ": Input/output error")
      place.put_back()
      shell.write_file(path, "")
      assert.has_error(function() journal:entry "a@example.com" end,
        "cannot read " .. path .. ": it ends too early")
      shell.write_file(path, ("x\n"):rep(500))
      assert.has_error(function() journal:entry "a@example.com" end,
        "cannot read " .. path .. ": it was changed")
    end)

    it("does not open what it can't read, or whose folder it can't sync", function()
      place:open():close()
      place:replace { read = function() return nil, "broken", errno.EIO end }
      local _, message = journals.open(path, ORGANIZATION)
      assert.equal("cannot read " .. path .. ": Input/output error", message)
      place.put_back()
      place:replace { fsync = function() return nil, "broken", errno.EIO end }
      _, message = journals.open(path, ORGANIZATION)
      assert.equal("cannot sync /tmp/: Input/output error", message)
    end)
  end)
end)
