-- What exists from the start: keys, organizations, roles, members.

local world = {
  API_VERSION = "2025-01-01",
  KEYS = {
    { name = "sandbox_owner", role = "Owner" },
    { name = "sandbox_admin", role = "Admin" },
    { name = "sandbox_member", role = "Member" },
    { name = "sandbox_unlimited", role = "Owner", unlimited = true },
    { name = "sandbox_expired", role = "Owner", refused = "API_KEY_EXPIRED" },
    { name = "sandbox_deactivated", role = "Owner", refused = "API_KEY_DEACTIVATED" },
    { name = "sandbox_paused", role = "Owner", refused = "API_KEY_PAUSED" },
  },
  -- The documentation gives some answers two shapes; `crew` has those of its pages on the crew.
  ORGANIZATIONS = {
    { id = "org_xyz789", name = "Orchard Works" },
    { id = "org_123", name = "Harbour Lab" },
    { id = "org_crew", name = "Night Crew", crew = true },
    { id = "org_closed", name = "Closed Circle", domain = "closed.example" },
  },
  ROLES = {
    { id = "role_owner", name = "Owner", description = "May do everything." },
    { id = "role_admin", name = "Admin", description = "Manages people and settings." },
    { id = "role_member", name = "Member", description = "Works here." },
    {
      id = "role_department_manager",
      name = "Department Manager",
      description = "Manages the people of a department.",
    },
    {
      id = "role_knowledge_manager",
      name = "Knowledge Manager",
      description = "Manages what the organization knows.",
    },
    { id = "role_billing_manager", name = "Billing Manager", description = "Pays the bills." },
    { id = "role_gardener", name = "Gardener", description = "Waters the plants.", custom = true },
  },
  -- In every organization.
  MEMBERS = { "member@example.com" },
}

local function index(list, field)
  local found = {}
  for _, entry in ipairs(list) do
    found[field and entry[field] or entry] = entry
  end
  return found
end

local organizations = index(world.ORGANIZATIONS, "id")

world.keys = index(world.KEYS, "name")
world.roles = index(world.ROLES, "id")
world.roles_by_name = index(world.ROLES, "name")
world.members = index(world.MEMBERS)

-- Stands for all the organizations that are there for their faults.
local FAULTY = { name = "Crooked Chimney" }

---@return table? organization
function world.organization(id)
  return organizations[id] or id:find("^org_fault%-") and FAULTY or nil
end

return world
