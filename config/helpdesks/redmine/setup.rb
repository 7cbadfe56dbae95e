# frozen_string_literal: true

# Prepares Redmine for mail of customers, as README.md says. Run it with Redmine's `rails runner`:
#
#   rails runner setup.rb PROJECT CATEGORY...
#
# PROJECT is the identifier of a project that exists. What is there already stays as it is, so that it
# can be run again. It prints what it did, and what is left to do.

identifier, *categories = ARGV
abort 'usage: rails runner setup.rb PROJECT CATEGORY...' if identifier.nil?
project = Project.find_by(identifier: identifier) or abort "There is no project '#{identifier}'."

# An author gets no notice of his own issue unless this is off, and that notice is the acknowledgement.
# It is the default of new accounts: those that customers have already keep what they have.
if Setting.default_users_no_self_notified?
  Setting.default_users_no_self_notified = '0'
  puts 'New accounts are told of their own issues.'
end
unless Setting.notified_events.include?('issue_added')
  Setting.notified_events |= ['issue_added']
  puts 'Notices of new issues are sent.'
end

unless Setting.mail_handler_api_enabled?
  Setting.mail_handler_api_enabled = '1'
  puts 'Incoming mail is taken over HTTP.'
end
if Setting.mail_handler_api_key.blank?
  Setting.mail_handler_api_key = Redmine::Utils.random_hex(20)
  puts 'A key was made: Administration, Settings, Incoming emails.'
end

# Customers see their own issues only, and may do no more than write.
role = Role.find_or_create_by!(name: 'Customer') do |made|
  made.permissions = %i[view_issues add_issues add_issue_notes]
  made.issues_visibility = 'own'
  made.users_visibility = 'members_of_visible_projects'
  puts 'Role Customer was made.'
end
group = Group.givable.named('Customers').first
if group.nil?
  group = Group.create!(lastname: 'Customers')
  puts 'Group Customers was made.'
end
unless Member.exists?(project: project, principal: group)
  Member.create!(project: project, principal: group, roles: [role])
  puts "Group Customers may write to #{project.name}."
end

categories.each do |name|
  next if project.issue_categories.named(name).exists?

  project.issue_categories.create!(name: name)
  puts "Category #{name} was made."
end

# The options of rdm-mailhandler.rb must name what there is: Redmine leaves out what it does not know.
puts "Trackers of #{project.name}: #{project.trackers.map(&:name).join(', ')}."
puts "Priorities: #{IssuePriority.active.map(&:name).join(', ')}."
puts 'Redmine writes in the name of ' \
     "#{Setting.mail_from}: answers go there, so it must be the service address."
