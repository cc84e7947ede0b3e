package org.mammogate.viewer;

import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.ClipData;
import android.content.Intent;
import android.net.Uri;
import android.view.View;
import android.webkit.ValueCallback;
import android.webkit.WebChromeClient;
import android.webkit.WebView;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Answers a page that asks for files: with those that another app shared, else with what the person picks. */
final class FilePicker extends WebChromeClient {
    private final Activity activity;
    private final int question;
    private final TextView words;
    private List<Uri> shared = Collections.emptyList();
    private ValueCallback<Uri[]> asking;

    /** {@code words}: where people read that shared files wait. */
    FilePicker(Activity activity, int question, TextView words) {
        this.activity = activity;
        this.question = question;
        this.words = words;
    }

    /** Keeps files for the page's next question; {@code refused} others were no DICOM. */
    void offer(List<Uri> files, int refused) {
        shared = files;
        StringBuilder said = new StringBuilder();
        if (!files.isEmpty()) said.append(counted(R.plurals.shared_wait, files.size()));
        if (refused > 0) said.append(said.length() > 0 ? " " : "").append(counted(R.plurals.shared_refused, refused));
        words.setText(said);
        words.setVisibility(said.length() > 0 ? View.VISIBLE : View.GONE);
    }

    @Override
    public boolean onShowFileChooser(WebView web, ValueCallback<Uri[]> answer, FileChooserParams wish) {
        if (asking != null) asking.onReceiveValue(null);
        asking = null;
        boolean isForMany = wish.getMode() == FileChooserParams.MODE_OPEN_MULTIPLE;
        if (!shared.isEmpty() && (isForMany || shared.size() == 1)) {
            answer.onReceiveValue(shared.toArray(new Uri[0]));
            offer(Collections.<Uri>emptyList(), 0);
            return true;
        }
        // Android has no agreed type for DICOM: most apps call it octet-stream, so all files are shown.
        Intent pick = new Intent(Intent.ACTION_GET_CONTENT).addCategory(Intent.CATEGORY_OPENABLE).setType("*/*");
        pick.putExtra(Intent.EXTRA_ALLOW_MULTIPLE, isForMany);
        try {
            activity.startActivityForResult(pick, question);
        } catch (ActivityNotFoundException none) {
            answer.onReceiveValue(null);
            return true;
        }
        asking = answer;
        return true;
    }

    /** What the picker returned. */
    void picked(int result, Intent answer) {
        if (asking == null) return;
        List<Uri> files = new ArrayList<Uri>();
        if (result == Activity.RESULT_OK && answer != null) {
            ClipData several = answer.getClipData();
            for (int i = 0; several != null && i < several.getItemCount(); i++) files.add(several.getItemAt(i).getUri());
            if (files.isEmpty() && answer.getData() != null) files.add(answer.getData());
        }
        List<Uri> others = SharedFiles.ofOthers(activity, files);
        asking.onReceiveValue(others.isEmpty() ? null : others.toArray(new Uri[0]));
        asking = null;
    }

    private String counted(int what, int number) {
        return activity.getResources().getQuantityString(what, number, number);
    }
}
